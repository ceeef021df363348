"""A corpus that was tokenised once, for all trainings: what its folder holds."""
