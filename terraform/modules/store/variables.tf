variable "location" {
  type        = string
  description = "A multi-region that keeps a majority without any protected region, such as nam7 for us-central1 and us-east1. It can't be changed later."

  validation {
    condition     = contains(["nam5", "nam7", "eur3"], var.location)
    error_message = "A database in one region goes with that region: choose nam5, nam7 or eur3, and look where their replicas and witnesses are (docs/deployment.md)."
  }
}

variable "name" {
  type        = string
  description = "Name of the database."
}

variable "project" {
  type        = string
  description = "The project."
}
