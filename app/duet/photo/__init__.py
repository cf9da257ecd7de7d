"""One photo for two, in a private bucket: the browser uploads and reads it with presigned addresses."""
