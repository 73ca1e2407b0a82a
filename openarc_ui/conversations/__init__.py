"""Conversations: a tree of messages with its active path, kept in a database, private to an owner."""
