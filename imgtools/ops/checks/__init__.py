"""The checks of an audit: what a guest should be like, and what puts it right."""
