# The state lies in a bucket of yours, with versions and without public access: terraform init -backend-config=bucket=NAME. It holds no
# secret's value, and whoever can write it decides what is deployed.
terraform {
  backend "gcs" {
    prefix = "dr-autopilot"
  }
}
