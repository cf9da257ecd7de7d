"""The static files of the app, and `python -m duet.static build <outdir>`, which gives them their public names."""
