"""The Faust application: one agent without tables that folds the feed into its series."""
