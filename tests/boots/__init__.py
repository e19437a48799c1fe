"""The sweep of boots: real guests are broken, booted, mended, and booted again (`make boots`)."""
