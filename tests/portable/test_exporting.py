"""What types say of the formats is what the table has; what comes of them is in `test_export.py`, and `tests/whole`."""

from typing import get_args

from pipeline.portable.converters import FORMATS as CONVERTERS
from pipeline.portable.exporting import FolderPrecision, Format
from pipeline.portable.kinds import FORMATS, PRECISIONS, SAVED_MODEL


def test_types_name_every_format_and_precision():
    assert get_args(Format) == FORMATS == (SAVED_MODEL, *CONVERTERS)
    assert get_args(FolderPrecision) == PRECISIONS
