@echo off
rem The same as scripts/pull-request: sets up what is missing, then calls its program.
setlocal
call "%~dp0lib\start.cmd"
if errorlevel 1 exit /b 1
node "%~dp0pull-request.mjs" %*
exit /b %errorlevel%
