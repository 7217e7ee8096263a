"""The Chargebee door, `/api/v2`: Chargebee's wire shapes and words over the use cases of all doors.

Compatible with Chargebee API v2 (Product Catalog 2.0); Chargebee is a mark of Chargebee, Inc.
"""
