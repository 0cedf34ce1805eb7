if [ "$1" = x ]; then a=(1 2); fi
echo crlf
