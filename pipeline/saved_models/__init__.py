"""From a run, an ensemble or an exported SavedModel to something that predicts, and into an export."""
