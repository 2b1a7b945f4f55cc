@echo off
rem The same as scripts/record; needs tshark (Wireshark) on the PATH.
node "%~dp0record.mjs" %*
exit /b %errorlevel%
