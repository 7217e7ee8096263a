"""Postpaid: metered billing. Rooms: domain, application, store, api, outbound, runtime."""
