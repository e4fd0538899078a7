#!/usr/bin/env bash
# Chapter 3.1 of the manual runbook as a script: its commands in its order, by the real gcloud and kubectl, with nobody thinking in
# between. Where the runbook can't be followed to the letter, it says so here.
#
# HEALTH is the application's deep health, DEPLOYMENT, NAMESPACE, PRIMARY, REPLICA and SECRET are names. The environment of
# `./dr sandbox env` points the tools at a sandbox.
set -euo pipefail

# 1. Verify Cloud SQL instance status
gcloud sql instances describe "$PRIMARY"

# 2. Check recent operations
gcloud sql operations list --instance="$PRIMARY"

# 3. If instance is down, promote read replica. It waits as gcloud waits.
gcloud sql instances promote-replica "$REPLICA"

# 4. Update application to use new primary. The runbook writes the URL, password and all, into the Deployment; this application
# reads it from a secret when it starts, so the secret gets the new host, and the runbook's command makes the pods start anew.
address=$(gcloud sql instances describe "$REPLICA" --format='value(ipAddresses[0].ipAddress)')
gcloud secrets versions access latest --secret="$SECRET" | sed -E "s#@[^:/]+#@$address#" |
  gcloud secrets versions add "$SECRET" --data-file=-
kubectl set env "deployment/$DEPLOYMENT" API_DATABASE_HOST="$address" -n "$NAMESPACE"

# 6. Monitor application health. `kubectl get pods -w` has no end; this has the same watch, and one.
kubectl rollout status "deployment/$DEPLOYMENT" -n "$NAMESPACE" --timeout=15m

# 5. Verify connectivity, after 6 since pods that still start can't answer. The runbook runs Python in a pod by `kubectl exec`, which
# the sandbox has not; the application's own deep health asks its database in the same way.
for _ in $(seq 60); do
  if curl --silent --fail --max-time 10 "$HEALTH" | grep --quiet --fixed-strings "$address"; then exit 0; fi
  sleep 1
done
echo "the application is not on $address" >&2
exit 1
