provider "google" {
  project = local.project

  default_labels = local.labels
}
