#!/usr/bin/env bash
# The database failover as our own functions do it, typed by hand: the order of design.md section 8 with the real gcloud and kubectl,
# with nobody thinking in between. What our functions prove in between (the fence, the loss, the epoch) nobody proves here.
#
# The same variables as runbook-3-1.sh, and SERVICE and REGION of the second consumer, with HEALTH_RUN as its deep health.
set -euo pipefail

verified() {
  for _ in $(seq 60); do
    if curl --silent --fail --max-time 10 "$1" | grep --quiet --fixed-strings "$2"; then return; fi
    sleep 1
  done
  echo "$1 is not on $2" >&2
  exit 1
}

# Is it down, and is nobody at work on it?
gcloud sql instances describe "$PRIMARY"
gcloud sql operations list --instance="$PRIMARY"

# Take the consumers away.
replicas=$(kubectl get "deployment/$DEPLOYMENT" -n "$NAMESPACE" --output=jsonpath='{.spec.replicas}')
kubectl scale "deployment/$DEPLOYMENT" -n "$NAMESPACE" --replicas=0
kubectl wait pod -n "$NAMESPACE" --selector="app=$DEPLOYMENT" --for=delete --timeout=5m
gcloud beta run services update "$SERVICE" --region="$REGION" --scaling=0

# Stop the old primary, and promote.
gcloud sql instances patch "$PRIMARY" --activation-policy=NEVER
gcloud sql instances promote-replica "$REPLICA"

# Move the consumers: the secret gets the new host, and they come back as they were.
address=$(gcloud sql instances describe "$REPLICA" --format='value(ipAddresses[0].ipAddress)')
gcloud secrets versions access latest --secret="$SECRET" | sed -E "s#@[^:/]+#@$address#" |
  gcloud secrets versions add "$SECRET" --data-file=-
kubectl scale "deployment/$DEPLOYMENT" -n "$NAMESPACE" --replicas="$replicas"
gcloud beta run services update "$SERVICE" --region="$REGION" --scaling=auto --min=1 --max=10
kubectl rollout status "deployment/$DEPLOYMENT" -n "$NAMESPACE" --timeout=15m

verified "$HEALTH" "$address"
verified "$HEALTH_RUN" "$address"
