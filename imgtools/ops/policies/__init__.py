"""Policies of an audit that come with the tool."""
