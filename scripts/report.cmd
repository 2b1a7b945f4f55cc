@echo off
rem The same as scripts/report.
node "%~dp0report.mjs" %*
exit /b %errorlevel%
