@echo off
rem The same as scripts/merge.
node "%~dp0merge.mjs" %*
exit /b %errorlevel%
