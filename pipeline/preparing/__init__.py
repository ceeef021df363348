"""`prepare`: many files tokenised by many processes into one prepared corpus."""
