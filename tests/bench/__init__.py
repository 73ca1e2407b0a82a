"""What matters about speed, as ratios measured alternately in one run. `make bench` runs it; it is no test."""
