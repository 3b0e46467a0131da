"""A simulation of the attempt rules: gateways, admin-api and storage as models around the real scripts."""
