#!/bin/sh -e
echo other
