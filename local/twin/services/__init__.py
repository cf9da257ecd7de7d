"""One slice per AWS API: what AWS answers, and the controllers that make it true.

A slice never imports another: it calls the other's AWS API, or reads what `core` holds.
"""
