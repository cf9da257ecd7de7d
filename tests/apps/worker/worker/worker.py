"""Takes texts from the queue, lets the sidecar count their words, puts the number into the bucket."""

import os
import urllib.error
import urllib.request

import boto3

sqs, s3 = boto3.client("sqs"), boto3.client("s3")
while True:
    got = sqs.receive_message(QueueUrl=os.environ["QUEUE"], WaitTimeSeconds=5, MaxNumberOfMessages=10)
    for message in got.get("Messages", []):
        name, _, text = message["Body"].partition(":")
        if not text:
            print("no text:", message["Body"], flush=True)
            continue  # comes again, and at last goes where nobody needs it
        try:
            with urllib.request.urlopen("http://localhost:9000/", data=text.encode(), timeout=5) as answer:
                counted = answer.read()
        except urllib.error.URLError as error:  # the sidecar is not up yet: the message comes again
            print("not counted:", error, flush=True)
            continue
        s3.put_object(Bucket=os.environ["BUCKET"], Key=name, Body=counted)
        sqs.delete_message(QueueUrl=os.environ["QUEUE"], ReceiptHandle=message["ReceiptHandle"])
        print("done:", name, flush=True)
