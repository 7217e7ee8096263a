"""AWS clients of a local engine, with the emulator's root credentials."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3

from postpaid_cli.engine import REGION

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_logs import CloudWatchLogsClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

ROOT_KEY = "test"  # what the emulator takes for its root user, id and secret alike


@dataclass(frozen=True, slots=True)
class LocalAws:
    """Makes clients that can reach nothing but *endpoint*."""

    endpoint: str

    def session(self) -> boto3.Session:
        """Return a session with the emulator's credentials; its clients still need the endpoint."""
        return boto3.Session(
            aws_access_key_id=ROOT_KEY, aws_secret_access_key=ROOT_KEY, region_name=REGION
        )

    def cloudformation(self) -> "CloudFormationClient":
        """Return a client of CloudFormation."""
        return self.session().client("cloudformation", endpoint_url=self.endpoint)

    def dynamodb(self) -> "DynamoDBClient":
        """Return a client of DynamoDB."""
        return self.session().client("dynamodb", endpoint_url=self.endpoint)

    def functions(self) -> "LambdaClient":
        """Return a client of Lambda."""
        return self.session().client("lambda", endpoint_url=self.endpoint)

    def logs(self) -> "CloudWatchLogsClient":
        """Return a client of CloudWatch Logs."""
        return self.session().client("logs", endpoint_url=self.endpoint)

    def s3(self) -> "S3Client":
        """Return a client of S3."""
        return self.session().client("s3", endpoint_url=self.endpoint)

    def sqs(self) -> "SQSClient":
        """Return a client of SQS."""
        return self.session().client("sqs", endpoint_url=self.endpoint)
