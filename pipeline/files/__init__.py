"""Writing so that nobody finds half of a file; reading lines; lines that cannot be used."""
