"""Many files of lines answered by many processes, on one machine or several that share a folder."""
