"""The Metrics tab: one component that asks; what it is answered is made here, as JSON, from what the database tells."""
