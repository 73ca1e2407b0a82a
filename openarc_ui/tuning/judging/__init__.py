"""Pure arithmetic over what was measured: intervals, verdicts, fronts, drift, who stands where."""
