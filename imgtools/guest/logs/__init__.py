"""The logs of a guest: which there are, and what their lines say."""
