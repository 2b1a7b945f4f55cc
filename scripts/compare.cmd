@echo off
rem The same as scripts/compare.
node "%~dp0compare.mjs" %*
exit /b %errorlevel%
