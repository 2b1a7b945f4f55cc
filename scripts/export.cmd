@echo off
rem The same as scripts/export.
node "%~dp0export.mjs" %*
exit /b %errorlevel%
