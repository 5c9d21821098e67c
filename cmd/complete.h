/* SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once

/* Printed in place of candidates where a file of the host is expected: bash knows better how to complete those. */
#define COMPLETE_FILES ":files"
