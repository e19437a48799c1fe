"""Floor 3: talks to people and scripts; decides nothing."""
