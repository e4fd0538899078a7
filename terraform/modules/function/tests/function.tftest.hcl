# Needs the provider's schema: terraform init && terraform test, where a registry with it can be reached. Not run yet.

mock_provider "google" {}

variables {
  project               = "coditect-prod"
  project_number        = "123456789012"
  name                  = "heal"
  description           = "Takes the safe steps of a plan."
  regions               = ["us-east4", "us-west1"]
  build_service_account = "projects/coditect-prod/serviceAccounts/dr-build@coditect-prod.iam.gserviceaccount.com"
  database              = "dr-autopilot"
  invokers              = { pubsub = "serviceAccount:dr-pubsub-push@coditect-prod.iam.gserviceaccount.com" }
  push_identity         = "dr-pubsub-push@coditect-prod.iam.gserviceaccount.com"
  source_archive        = { bucket = "bundles", object = "heal.zip" }
  topics                = { "dr-heal" = { topic = "dr-heal", dead = "dr-heal-dead" } }
}

run "runs_in_both_regions" {
  command = plan

  assert {
    condition     = length(google_cloudfunctions2_function.copy) == 2 && length(google_pubsub_subscription.heard) == 2
    error_message = "Each control region has a copy, and each copy a subscription of its own."
  }

  assert {
    condition     = alltrue([for copy in google_cloudfunctions2_function.copy : copy.service_config[0].ingress_settings == "ALLOW_INTERNAL_ONLY"])
    error_message = "Nobody outside of Google's own services reaches it."
  }
}

run "refuses_a_larger_role_on_the_store" {
  command = plan

  variables {
    store_role = "roles/datastore.owner"
  }

  expect_failures = [var.store_role]
}
