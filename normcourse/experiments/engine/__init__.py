"""What every experiment shares: training many seeds at once, sweeps and their records, intervals."""
