"""What leaves by another road than DynamoDB: S3, SQS, typesetting."""
