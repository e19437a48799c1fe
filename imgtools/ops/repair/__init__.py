"""The repair shelf: what keeps a guest from booting, or its owner from logging in."""
