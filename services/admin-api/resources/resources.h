/* The descriptors, for what is done to an object beyond the five verbs. */
#ifndef LC_ADMIN_RESOURCES_RESOURCES_H
#define LC_ADMIN_RESOURCES_RESOURCES_H

#include "services/admin-api/resources/resource.h"

extern const struct resource tickets_resource, archives_resource;

#endif
