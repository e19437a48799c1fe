"""A guest's files changed by a person through a mounted folder, and the plan that comes of it."""
