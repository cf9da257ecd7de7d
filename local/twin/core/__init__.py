"""The ground the twin stands on: its world, addresses, processes, loops. No AWS noun lives here."""
