"""How to run a real thing: start it, ask its health, stop it. An engine knows nothing of AWS."""
