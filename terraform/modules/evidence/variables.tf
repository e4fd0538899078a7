variable "is_locked" {
  type        = bool
  description = "Whether the retention is locked, which is for good: nobody can delete what is in the bucket before its time, or the project with it."
}

variable "labels" {
  type        = map(string)
  description = "Labels of the bucket."
  default     = {}
}

variable "location" {
  type        = string
  description = "Where it lies: no protected region."
}

variable "name" {
  type        = string
  description = "Name of the bucket, as dr.yaml has it under forensics."
}

variable "project" {
  type        = string
  description = "Project of the bucket: best one that whoever broke in has no power over."
}

variable "retention_days" {
  type        = number
  description = "For how many days everything in it is kept; at least dr.yaml's minimumRetention."

  validation {
    condition     = var.retention_days >= 1
    error_message = "Evidence that may be deleted on the day is none."
  }
}
