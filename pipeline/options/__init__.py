"""The command line's options: settings, models, help, completion; argparse is known here only."""
