"""Does it fit: what a load needs in memory against what its device has."""
