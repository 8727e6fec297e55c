"""What every computation needs: device, memory, versions and progress."""
