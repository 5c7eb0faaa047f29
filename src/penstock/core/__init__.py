"""What every room stands on: settings, database, jobs, clock, sealing, errors. No business words."""
