#!/bin/bash -e
echo "base packages"
