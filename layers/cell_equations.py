"""Which recurrent cells there are equations for: the module of each has the same functions."""

from typing import Any

from layers import gru_equations, lstm_equations

EQUATIONS: dict[str, Any] = {"gru": gru_equations, "lstm": lstm_equations}
