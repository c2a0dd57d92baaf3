"""`lif-roles bench`: speed and memory beside the frameworks' own code, every contender in the same run."""
