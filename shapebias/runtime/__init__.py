"""Device, memory, versions and progress: what every computation shares."""
