@echo off
rem What the commands of scripts\ call first: finds, or says how to get, Node.js, and what builds:
rem CMake, git, Visual Studio and vcpkg (not with DUMMYLOAD_PROGRAMS, where there is nothing to
rem build). Sets VCPKG_ROOT for its caller. Each tool is tried: nothing has to look for it.
set "missing="
call node --version >nul 2>nul
if errorlevel 1 set "missing=OpenJS.NodeJS.LTS"
if defined DUMMYLOAD_PROGRAMS goto tools_known
call cmake --version >nul 2>nul
if errorlevel 1 set "missing=%missing% Kitware.CMake"
call git --version >nul 2>nul
if errorlevel 1 set "missing=%missing% Git.Git"
:tools_known
if defined missing goto get_tools
if defined DUMMYLOAD_PROGRAMS exit /b 0

set "installer=%ProgramFiles(x86)%\Microsoft Visual Studio\Installer"
set "part=Microsoft.VisualStudio.Component.VC.Tools.x86.x64"
set "query=-latest -products * -requires %part% -property installationPath"
set "studio="
if not exist "%installer%\vswhere.exe" goto studio_sought
rem From its own folder: cmd.exe treats a command that begins with a quote in its own way.
pushd "%installer%"
for /f "delims=" %%i in ('vswhere.exe %query%') do set "studio=%%i"
popd
:studio_sought
if defined studio goto studio_known
echo Please install Visual Studio 2022 or its Build Tools with "Desktop development with C++":
echo   winget install --exact --id Microsoft.VisualStudio.2022.BuildTools --override ^
"--passive --add Microsoft.VisualStudio.Workload.VCTools --includeRecommended"
exit /b 1

:studio_known
if defined VCPKG_ROOT exit /b 0
set "VCPKG_ROOT=%studio%\VC\vcpkg"
if exist "%VCPKG_ROOT%\vcpkg.exe" exit /b 0
set "VCPKG_ROOT=%~dp0..\..\build\vcpkg"
if exist "%VCPKG_ROOT%\vcpkg.exe" exit /b 0
echo Getting vcpkg into build\vcpkg ...
if exist "%VCPKG_ROOT%\bootstrap-vcpkg.bat" goto bootstrap
git clone --depth 1 https://github.com/microsoft/vcpkg "%VCPKG_ROOT%"
if errorlevel 1 exit /b 1
:bootstrap
call "%VCPKG_ROOT%\bootstrap-vcpkg.bat" -disableMetrics
if errorlevel 1 exit /b 1
exit /b 0

:get_tools
call winget --version >nul 2>nul
if errorlevel 1 goto name_tools
echo Installing with winget: %missing%
for %%p in (%missing%) do (
    winget install --exact --id %%p --accept-source-agreements --accept-package-agreements
    if errorlevel 1 exit /b 1
)
echo Please open a new console, so that these are on the PATH, and call again.
exit /b 1
:name_tools
echo Please install, then open a new console: %missing%
exit /b 1
